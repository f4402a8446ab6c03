import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { missingForFields, type FieldRules } from '@tollgate/tenants/domain'
import type { Principal, SignedInRequest } from '@tollgate/tenants/people'

/** The person who is calling, as the guard established it. */
export const SignedIn = createParamDecorator((_: unknown, context: ExecutionContext): Principal => context.switchToHttp().getRequest<SignedInRequest>().user)

/** Refuses when a field that is to be written needs a permission the person lacks (F24: fields are allowed by role). A field without a rule does not compile. */
export function demandFields<Rules extends FieldRules>(who: Principal, rules: Rules, fields: readonly (keyof Rules & string)[]): void {
  const missing = missingForFields(who.role, rules, fields)
  if (missing) throw new RefusalError(refuse('permission_denied', { permission: missing }))
}

/** Names of the fields a body really sets. */
export function fieldsOf<Body extends object>(body: Body): (keyof Body & string)[] {
  return (Object.keys(body) as (keyof Body & string)[]).filter((name) => body[name] !== undefined)
}
