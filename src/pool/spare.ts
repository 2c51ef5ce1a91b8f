/** Memory that is used again, since to take it anew costs more than to use it. */
export class Spare<T> {
  private readonly free: T[] = []

  constructor(private readonly make: () => T) {}

  take(): T {
    return this.free.pop() ?? this.make()
  }

  giveBack(it: T): void {
    this.free.push(it)
  }
}
