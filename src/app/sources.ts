import type { Sources } from '../domain/source.ts';
import { type FactName, factSchemas } from '../facts/index.ts';
import { createResolverPool, type ResolverAddresses, type ResolverPool } from '../sources/dns/resolvers.ts';
import { selectorSources } from '../sources/dns/selector-records.ts';
import { suppliedOnly } from '../sources/supplied/index.ts';

export interface SourceOptions {
  readonly resolvers: readonly string[] | ResolverAddresses;
  readonly ratePerSecond?: number | undefined;
}

export interface ProductSources {
  /** One binding for every fact. */
  readonly all: Sources;
  readonly resolvers: ResolverPool;
  close(): void;
}

/** Binds every fact to the one source that knows how to gather it. */
export function createSources(options: SourceOptions): ProductSources {
  const resolvers = createResolverPool(
    options.resolvers,
    options.ratePerSecond === undefined ? {} : { ratePerSecond: options.ratePerSecond },
  );
  return {
    all: {
      ...(Object.fromEntries(
        (Object.keys(factSchemas) as FactName[]).map((fact) => [fact, suppliedOnly(fact, 'supply it from a file')]),
      ) as Sources),
      'signing-configuration': suppliedOnly('signing-configuration', 'supply the output of Get-DkimSigningConfig'),
      'accepted-domain': suppliedOnly('accepted-domain', 'supply the output of Get-AcceptedDomain'),
      ...selectorSources(resolvers),
    } satisfies Sources,
    resolvers,
    close: () => resolvers.close(),
  };
}
