export { type EmulatedProviderOptions, emulateProvider, type OverridableModule } from './emulate-provider.js'
