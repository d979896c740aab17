/**
 * What belongs to a database itself and to nothing in it: its settings, those of roles in it, who may do what with it, its
 * comment and its limit. An archive holds them for `--create` only, under the old name.
 */
import type { Row, Session } from './session.ts';
import type { DatabaseTruth } from './truth.ts';

export type OwnProperties = Pick<DatabaseTruth, 'settings' | 'roleSettings' | 'rights' | 'comment' | 'connectionLimit'>;

export type Right = NonNullable<OwnProperties['rights']>[number];
type Privilege = Right['privilege'];

const thisDatabase = 'SELECT oid FROM pg_database WHERE datname = current_database()';

/** Of the database of the session. */
export async function ownPropertiesOf(session: Session): Promise<OwnProperties> {
  const settings = await session.rows(`
    SELECT r.rolname AS role, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = (${thisDatabase}) AND (s.setrole = 0 OR r.rolname IS NOT NULL) ORDER BY 1, 2`);
  const [row] = await session.rows(`
    SELECT d.datconnlimit AS limit, shobj_description(d.oid, 'pg_database') AS comment,
      CASE WHEN d.datacl IS NULL THEN 'yes' END AS usual
    FROM pg_database d WHERE d.datname = current_database()`);
  const rights = await session.rows(`
    SELECT r.rolname AS role, a.privilege_type AS privilege, a.is_grantable AS grantable
    FROM pg_database d CROSS JOIN aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE d.datname = current_database() AND (a.grantee = 0 OR r.rolname IS NOT NULL) ORDER BY 1, 2`);
  const setting = (one: Row) => ({ name: one['name']!, value: one['value']! });
  return {
    settings: settings.filter((one) => one['role'] === null).map(setting),
    roleSettings: settings.flatMap((one) => (one['role'] == null ? [] : [{ role: one['role'], ...setting(one) }])),
    rights: row?.['usual'] === 'yes' ? null : rights.map(rightOf),
    comment: row?.['comment'] ?? null,
    connectionLimit: Number(row?.['limit'] ?? -1),
  };
}

function rightOf(row: Row): Right {
  return {
    role: row['role'] ?? null,
    privilege: privilegeOf(row['privilege']!),
    isGrantable: row['grantable'] === 't',
  };
}

function privilegeOf(word: string): Privilege {
  return word === 'CREATE' || word === 'TEMPORARY' ? word : 'CONNECT';
}

/** Whom it lets in, or has settings for. */
export function rolesOf({ rights, roleSettings }: Pick<OwnProperties, 'rights' | 'roleSettings'>): string[] {
  return [...(rights ?? []), ...roleSettings].flatMap(({ role }) => (role === null ? [] : [role]));
}
