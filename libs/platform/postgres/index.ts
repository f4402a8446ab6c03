export { Database, withCredentials, type DatabaseRole, type Tx } from './database'
export { migrate, migrationFiles, MigrationError } from './migrate'
export { picoColumn, bigintColumn, countColumn } from './columns'
export { violatedConstraint } from './violation'
