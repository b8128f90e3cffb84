/** A piece of a line with the way it is shown; a line is cut to the terminal's width before it is painted. */
export type Piece = string | { readonly text: string; readonly style: Style }
export type Line = readonly Piece[]
export type Style = keyof typeof CODES

const CODES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const

export function paint(line: Line, { columns, color }: { columns: number; color: boolean }): string {
  let left = columns
  let painted = ''
  for (const piece of line) {
    const { text, style } = typeof piece === 'string' ? { text: piece, style: undefined } : piece
    const shown = text.slice(0, left)
    left -= shown.length
    painted += style !== undefined && color && shown !== '' ? `\x1b[${CODES[style]}m${shown}\x1b[0m` : shown
  }
  return painted
}
