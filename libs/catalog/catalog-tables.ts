import { AliasTable } from './alias.table'
import { ModelTable } from './model.table'
import { PriceTable } from './price.table'

/** Tables of this room, for the data source of a process. */
export const CATALOG_TABLES = [ModelTable, AliasTable, PriceTable]
