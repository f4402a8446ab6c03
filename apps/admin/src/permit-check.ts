import { Injectable, RequestMethod, type OnModuleInit } from '@nestjs/common'
import { ModulesContainer } from '@nestjs/core'
import { PERMIT } from '@tollgate/tenants/people'
import { ANSWERS, type Answer } from './openapi/answers'

/** A handler of the app and what it declares. */
export interface DeclaredRoute {
  readonly controller: string
  readonly handler: string
  readonly declared: readonly string[] | 'public' | undefined
  /** None where nothing is answered. */
  readonly answers: Answer | undefined
}

/** Stops the start when a handler declares neither a permission nor that it is public: forgetting must not open a door. */
@Injectable()
export class PermitCheck implements OnModuleInit {
  constructor(private readonly modules: ModulesContainer) {}

  onModuleInit(): void {
    const open = this.routes().filter((route) => route.declared === undefined)
    if (open.length > 0) throw new Error(`These handlers declare no permission: ${open.map((route) => `${route.controller}.${route.handler}`).join(', ')}. Add @Permit(…) or @Public().`)
  }

  /** Every handler of every controller, found by Nest's own route metadata. */
  routes(): DeclaredRoute[] {
    const controllers = new Set([...this.modules.values()].flatMap((module) => [...module.controllers.values()].map((wrapper) => wrapper.metatype as new () => object)))
    return [...controllers].flatMap((controller) => {
      const ofClass = Reflect.getMetadata(PERMIT, controller) as DeclaredRoute['declared']
      const prototype = controller.prototype as Record<string, unknown>
      const handlers = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor' && isRoute(prototype[name]))
      return handlers.map((handler) => ({
        controller: controller.name,
        handler,
        declared: (Reflect.getMetadata(PERMIT, prototype[handler] as object) as DeclaredRoute['declared']) ?? ofClass,
        answers: Reflect.getMetadata(ANSWERS, prototype[handler] as object) as Answer | undefined,
      }))
    })
  }
}

function isRoute(member: unknown): boolean {
  return typeof member === 'function' && RequestMethod[Reflect.getMetadata('method', member) as number] !== undefined
}
