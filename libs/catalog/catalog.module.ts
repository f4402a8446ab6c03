import { Module } from '@nestjs/common'
import { AliasAdminService } from './alias-admin.service'
import { CatalogService } from './catalog.service'
import { EntryStore } from './entry.store'
import { ModelAdminService } from './model-admin.service'
import { ModelStore } from './model.store'
import { NamingStore } from './naming.store'
import { PriceAdminService } from './price-admin.service'
import { PromptAdminService } from './prompt-admin.service'
import { PromptStore } from './prompt.store'
import { RecipeService } from './recipe.service'
import { TariffStore } from './tariff.store'
import { VersionAdminService } from './version-admin.service'
import { VersionStore } from './version.store'

@Module({ providers: [ModelStore, NamingStore, RecipeService, VersionStore, CatalogService], exports: [CatalogService, RecipeService, VersionStore] })
export class CatalogModule {}

/** The catalogue for operators, on top. Needs the platform module with `CATALOG_TABLES`. */
@Module({
  imports: [CatalogModule],
  providers: [EntryStore, TariffStore, PromptStore, ModelAdminService, PromptAdminService, AliasAdminService, PriceAdminService, VersionAdminService],
  exports: [CatalogModule, ModelAdminService, PromptAdminService, AliasAdminService, PriceAdminService, VersionAdminService],
})
export class CatalogAdminModule {}
