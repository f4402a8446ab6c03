import { Module } from '@nestjs/common'
import { DeliveryStore } from './delivery.store'
import { EndpointSecrets } from './endpoint-secrets.service'
import { EndpointStore } from './endpoint.store'
import { WebhookAdminService } from './webhook-admin.service'
import { WebhookDeliveryService } from './webhook-delivery.service'
import { WebhookPools } from './webhook-pools'

/** Endpoints, for the control plane: it sends nothing. */
@Module({ providers: [EndpointStore, WebhookAdminService], exports: [WebhookAdminService] })
export class WebhookAdminModule {}

/** Events and deliveries, for the worker. */
@Module({ providers: [DeliveryStore, EndpointSecrets, WebhookPools, WebhookDeliveryService], exports: [EndpointSecrets, WebhookDeliveryService] })
export class WebhookDeliveryModule {}
