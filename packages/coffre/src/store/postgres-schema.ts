/** All tables of ours are in this schema of the database that is named, so that it may hold other things too. */
export const postgresSchemaName = 'coffre';

/** Beside it, with nothing in it but what pg-boss makes and keeps. */
export const queueSchemaName = 'coffre_queue';
