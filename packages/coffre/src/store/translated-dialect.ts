/** Every failure of the engine below passes here once, so that nobody above has to know how engines complain. */
import type { DatabaseConnection, Dialect, Driver } from 'kysely';

export function translatedDialect(dialect: Dialect, translate: (error: unknown) => unknown): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createDriver: () => translatedDriver(dialect.createDriver(), translate),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  };
}

function translatedDriver(driver: Driver, translate: (error: unknown) => unknown): Driver {
  const seen = new WeakSet<DatabaseConnection>();
  const translating = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw translate(error);
    }
  };
  return {
    init: (options) => translating(driver.init(options)),
    acquireConnection: async (options) => {
      const connection = await translating(driver.acquireConnection(options));
      if (seen.has(connection)) return connection;
      seen.add(connection);
      // The engine's driver must get back the connection it gave, so it is changed, not wrapped.
      const execute = connection.executeQuery.bind(connection);
      connection.executeQuery = (query, queryOptions) => translating(execute(query, queryOptions));
      return connection;
    },
    beginTransaction: (connection, settings) => driver.beginTransaction(connection, settings),
    commitTransaction: (connection) => translating(driver.commitTransaction(connection)),
    rollbackTransaction: (connection) => driver.rollbackTransaction(connection),
    releaseConnection: (connection, options) => driver.releaseConnection(connection, options),
    destroy: (options) => driver.destroy(options),
  };
}
