import { createParamDecorator, type ExecutionContext } from '@nestjs/common'

/** The context of the call itself, also for pipes that come after it in `@Context(Pipe)`. */
export const Context: ReturnType<typeof createParamDecorator> = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context,
)
