import { HostTable } from './host.table'
import { RegionTable } from './region.table'

/** Tables of this room, for the data source of a process. */
export const HOST_TABLES = [HostTable, RegionTable]
