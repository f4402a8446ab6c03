import { Module } from '@nestjs/common'
import { CatalogService } from './catalog.service'
import { ModelStore } from './model.store'
import { NamingStore } from './naming.store'

@Module({ providers: [ModelStore, NamingStore, CatalogService], exports: [CatalogService] })
export class CatalogModule {}
