import type { CloudTenant } from '../../domain/tenant.ts';
import type { Counted, Graph } from './client.ts';

/** Microsoft Graph of one tenant. */
export interface GraphReader {
  get(path: string, signal: AbortSignal): Promise<unknown>;
  list(path: string, signal: AbortSignal): Promise<readonly unknown[]>;
  pages(path: string, signal: AbortSignal): AsyncIterable<readonly unknown[]>;
  counted(path: string, signal: AbortSignal): Promise<Counted | undefined>;
}

/** Narrows Microsoft Graph to one tenant, for whoever knows no other. */
export function graphReader(graph: Graph, tenant: CloudTenant): GraphReader {
  return {
    get: (path, signal) => graph.get(tenant, path, signal),
    list: (path, signal) => graph.list(tenant, path, signal),
    pages: (path, signal) => graph.pages(tenant, path, signal),
    counted: (path, signal) => graph.counted(tenant, path, signal),
  };
}
