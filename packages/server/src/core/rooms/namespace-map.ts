/** Values by namespace and name, without building a key for each look-up. */
export class NamespaceMap<Value> {
  readonly #namespaces = new Map<string, Map<string, Value>>();

  get(namespace: string, name: string): Value | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  set(namespace: string, name: string, value: Value): void {
    const names = this.#namespaces.get(namespace);
    if (names === undefined) this.#namespaces.set(namespace, new Map([[name, value]]));
    else names.set(name, value);
  }

  delete(namespace: string, name: string): void {
    const names = this.#namespaces.get(namespace);
    names?.delete(name);
    if (names?.size === 0) this.#namespaces.delete(namespace);
  }

  names(namespace: string): string[] {
    return [...(this.#namespaces.get(namespace)?.keys() ?? [])];
  }
}
