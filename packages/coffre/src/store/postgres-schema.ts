/** All tables of ours are in this schema of the database that is named, so that it may hold other things too. */
export const postgresSchemaName = 'coffre';
