#!/usr/bin/env node
/** Run in a package before it is built: what was built from a module that is gone must not be published. */
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
