/** JSON text → {@link Json} without loss, with the strictness and the extras (NaN, Infinity) of `json.load`. */
import { createScanner, ScanError, SyntaxKind } from 'jsonc-parser'
import { type Json, JsonNumber, type JsonObject, reprintNumber } from './json.js'

/** CPython stops with a RecursionError near here. */
const MAX_DEPTH = 990

export class JsonSyntaxError extends Error {}

/**
 * @param maxValues how many values there may be, in all: a value of one byte takes a hundred in memory
 * @throws JsonSyntaxError with line and column, and what was expected and found there
 */
export function parseJson(text: string, maxValues = Number.POSITIVE_INFINITY): Json {
  return new Parser(text, maxValues).document()
}

class Parser {
  private readonly scanner
  private token: SyntaxKind = SyntaxKind.Unknown
  private values = 0

  constructor(
    private readonly text: string,
    private readonly maxValues: number,
  ) {
    this.scanner = createScanner(text, false)
  }

  document(): Json {
    this.advance()
    const value = this.value(0)
    if (this.token !== SyntaxKind.EOF) this.fail('the end of the document')
    return value
  }

  private advance(): void {
    do this.token = this.scanner.scan()
    while (this.token === SyntaxKind.Trivia || this.token === SyntaxKind.LineBreakTrivia)
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) this.fail(`at most ${MAX_DEPTH} levels of nesting`)
    if (++this.values > this.maxValues) this.fail(`at most ${this.maxValues} values`)
    switch (this.token) {
      case SyntaxKind.OpenBraceToken:
        return this.object(depth)
      case SyntaxKind.OpenBracketToken:
        return this.array(depth)
      case SyntaxKind.StringLiteral:
        return this.string('a string')
      case SyntaxKind.NumericLiteral:
        return this.number()
      case SyntaxKind.TrueKeyword:
        return this.literal(true)
      case SyntaxKind.FalseKeyword:
        return this.literal(false)
      case SyntaxKind.NullKeyword:
        return this.literal(null)
      default:
        return this.special()
    }
  }

  private object(depth: number): JsonObject {
    const members: JsonObject = new Map()
    this.advance()
    while (this.token !== SyntaxKind.CloseBraceToken) {
      if (members.size > 0) this.expect(SyntaxKind.CommaToken, '"," or "}"')
      const key = this.string('a key in double quotes')
      this.expect(SyntaxKind.ColonToken, '":"')
      members.set(key, this.value(depth + 1))
    }
    this.advance()
    return members
  }

  private array(depth: number): Json[] {
    const items: Json[] = []
    this.advance()
    while (this.token !== SyntaxKind.CloseBracketToken) {
      if (items.length > 0) this.expect(SyntaxKind.CommaToken, '"," or "]"')
      items.push(this.value(depth + 1))
    }
    this.advance()
    return items
  }

  private string(expected: string): string {
    if (this.token !== SyntaxKind.StringLiteral || this.scanner.getTokenError() !== ScanError.None)
      this.fail(expected)
    const text = this.scanner.getTokenValue()
    this.advance()
    return text
  }

  private number(): JsonNumber {
    const source = this.scanner.getTokenValue()
    if (this.scanner.getTokenError() !== ScanError.None) this.fail('a number')
    this.advance()
    return new JsonNumber(reprintNumber(source))
  }

  private literal<T>(value: T): T {
    this.advance()
    return value
  }

  /** `NaN`, `Infinity` and `-Infinity`, which `json.load` takes. */
  private special(): JsonNumber {
    const offset = this.scanner.getTokenOffset()
    const word = ['NaN', 'Infinity', '-Infinity'].find((known) => this.text.startsWith(known, offset))
    if (word === undefined) this.fail('a value')
    this.scanner.setPosition(offset + word.length)
    this.advance()
    return new JsonNumber(word)
  }

  private expect(kind: SyntaxKind, expected: string): void {
    if (this.token !== kind) this.fail(expected)
    this.advance()
  }

  private fail(expected: string): never {
    const offset = this.scanner.getTokenOffset()
    const before = this.text.slice(0, offset)
    const line = before.split('\n').length
    const column = offset - before.lastIndexOf('\n')
    const found = this.text.slice(offset, offset + 20) || 'the end of the document'
    throw new JsonSyntaxError(
      `line ${line}, column ${column}: expected ${expected}, found ${JSON.stringify(found)}`,
    )
  }
}
