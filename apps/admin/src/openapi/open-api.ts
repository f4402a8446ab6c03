import { Injectable } from '@nestjs/common'
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger'
import { z } from 'zod'
import { PermitCheck } from '../permit-check'
import { dataPlanePaths } from './data-plane'
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
    const declared = new Map(this.permits.routes().map((route) => [`${route.controller}.${route.handler}`, route.declared]))
    const described = describeOperations(document, declared)
    return { ...described, paths: { ...described.paths, ...dataPlanePaths } }
  }
}

/** zod's own JSON Schema of what a caller sends; a transform is documented by its input. */
function convert(schema: unknown): { schema: unknown; components?: Record<string, unknown> } | undefined {
  if (!(schema instanceof z.ZodType)) return undefined
  const { $schema: _dialect, $defs, id: _id, ...body } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
  return { schema: body, components: $defs as Record<string, unknown> | undefined }
}
