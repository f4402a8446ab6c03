import { Module } from '@nestjs/common'
import { AliasAdminService } from './alias-admin.service'
import { CatalogService } from './catalog.service'
import { EntryStore } from './entry.store'
import { ModelAdminService } from './model-admin.service'
import { ModelStore } from './model.store'
import { NamingStore } from './naming.store'
import { PriceAdminService } from './price-admin.service'
import { TariffStore } from './tariff.store'

@Module({ providers: [ModelStore, NamingStore, CatalogService], exports: [CatalogService] })
export class CatalogModule {}

/** The catalogue for operators, on top. Needs the platform module with `CATALOG_TABLES`. */
@Module({
  imports: [CatalogModule],
  providers: [EntryStore, TariffStore, ModelAdminService, AliasAdminService, PriceAdminService],
  exports: [CatalogModule, ModelAdminService, AliasAdminService, PriceAdminService],
})
export class CatalogAdminModule {}
