/**
 * What a package that was tested with `version` of core accepts: that one and what comes after it, up to the next major.
 * Below 1.0.0 that is all of 0.x, wider than `^`: a minor of core must not make a major of every adapter.
 */
export const peerRange = (version: string): string => `>=${version} <${Number.parseInt(version, 10) + 1}.0.0`
