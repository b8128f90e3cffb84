import axios, { type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { expectTypeOf, it } from 'vitest'
import { type AxiosLike, attachTokens, type RequestGrant } from '../src/index.js'

it('types the grant in the config of a request and of an instance', () => {
  const api = axios.create({ evergrant: { grantId: 'agency' } })
  expectTypeOf(api.get<string>)
    .parameter(1)
    .exclude<undefined>()
    .toHaveProperty('evergrant')
  expectTypeOf<InternalAxiosRequestConfig['evergrant']>().toEqualTypeOf<RequestGrant | undefined>()
  // @ts-expect-error a grant is named by a string
  axios.create({ evergrant: { grantId: 42 } })
  // @ts-expect-error `true` says nothing
  axios.create({ evergrant: true })
})

it("takes any Axios instance and gives functions that instance's config", () => {
  expectTypeOf<AxiosInstance>().toExtend<AxiosLike<InternalAxiosRequestConfig>>()
  const compiles = (api: AxiosInstance) =>
    attachTokens(api, {
      tokens: undefined as never,
      grantId: (config) => {
        expectTypeOf(config).toEqualTypeOf<InternalAxiosRequestConfig>()
        return config.url
      },
    })
  expectTypeOf(compiles).returns.toEqualTypeOf<() => void>()
})
