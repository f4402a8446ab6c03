import { Injectable } from '@nestjs/common'
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger'
import { jsonSchemaOf, type Components } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { PermitCheck } from '../permit-check'
import { dataPlane } from './data-plane'
import { healthPaths } from './health-paths'
import { describeOperations } from './operations'

const ABOUT = 'Multi-tenant gateway to language models. Control plane: people log in at /auth/login. Data plane: tenant API keys. Times are RFC 3339 UTC, money is a decimal string, lists page by cursor.'

/**
 * The OpenAPI 3.1 document of the running app: routes from Nest, bodies from the very zod schemas that validate them,
 * permissions from the decorators the guard enforces.
 */
@Injectable()
export class OpenApi {
  private built: OpenAPIObject | null = null

  constructor(
    private readonly modules: ModulesContainer,
    private readonly application: ApplicationConfig,
    private readonly host: HttpAdapterHost,
    private readonly permits: PermitCheck,
  ) {}

  /** Built at the first call; routes do not change while the process runs. */
  document(): OpenAPIObject {
    return (this.built ??= this.build())
  }

  private build(): OpenAPIObject {
    const about = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Tollgate')
      .setVersion('1')
      .setDescription(ABOUT)
      .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'person')
      .addSecurity('api_key', { type: 'http', scheme: 'bearer', description: 'A tenant API key, tg_…; x-api-key works too' })
      .build()
    // What createDocument reads of an application; the application itself is not injectable.
    const application = { container: { getModules: () => this.modules }, config: this.application, getHttpAdapter: () => this.host.httpAdapter }
    const document = SwaggerModule.createDocument(application as never, about, { operationIdFactory: (controller, method) => `${controller}.${method}`, standardSchemaConverter: convert })
    const routes = new Map(this.permits.routes().map((route) => [`${route.controller}.${route.handler}`, route]))
    const described = describeOperations(document, routes, dataPlane.components)
    return { ...described, paths: { ...described.paths, ...healthPaths, ...dataPlane.paths } }
  }
}

function convert(schema: unknown, { schemaType }: { schemaType: 'input' | 'output' }): { schema: unknown; components: Components } | undefined {
  if (!(schema instanceof z.ZodType)) return undefined
  const components: Components = {}
  return { schema: jsonSchemaOf(schema, schemaType, components), components }
}
