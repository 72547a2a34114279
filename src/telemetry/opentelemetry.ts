// Runs as traces and metrics, to whoever the standard variables of OpenTelemetry name (OTEL_EXPORTER_OTLP_ENDPOINT and
// those beside it; https://opentelemetry.io/docs/specs/otel/protocol/exporter/). OTLP over HTTP, in JSON.
import { createHash, randomBytes } from 'node:crypto';
import { type Attributes, ROOT_CONTEXT, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Telemetry, Work } from './telemetry.ts';

/**
 * Sends to the collector that the environment names. The slices of a run are worked on in many processes: all derive the
 * trace and its root from the run's id, so they meet in one trace.
 */
export function createTelemetry(): Telemetry {
  const resource = resourceFromAttributes({ 'service.name': 'fieldcheck' }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  // The next span gets these in place of new ones: the root of a run has an id that every process knows.
  let given: { traceId: string; spanId: string } | undefined;
  const provider = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
    idGenerator: {
      generateTraceId: () => given?.traceId ?? randomBytes(16).toString('hex'),
      generateSpanId: () => given?.spanId ?? randomBytes(8).toString('hex'),
    },
  });
  const meters = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  });
  const tracer = provider.getTracer('fieldcheck');
  const meter = meters.getMeter('fieldcheck');
  const runDuration = meter.createHistogram('fieldcheck.run.duration', {
    unit: 's',
    description: 'From the start of a run to its end.',
  });
  const subjectsLooked = meter.createCounter('fieldcheck.subjects', {
    unit: '{subject}',
    description: 'Subjects that were evaluated.',
  });

  function span(name: string, work: Work, more: Attributes, parent = ROOT_CONTEXT): void {
    const started = tracer.startSpan(
      name,
      { startTime: new Date(work.startedAt), attributes: { ...attributesOf(work), ...more } },
      parent,
    );
    if (!work.complete) started.setStatus({ code: SpanStatusCode.ERROR, message: 'not all subjects were looked at' });
    started.end(new Date(work.endedAt));
  }

  return {
    runEnded(work) {
      given = idsOf(work.runId);
      span(`run ${work.evaluation}`, work, {});
      given = undefined;
      const { evaluation, complete } = work;
      runDuration.record((Date.parse(work.endedAt) - Date.parse(work.startedAt)) / 1000, { evaluation, complete });
    },
    sliceEnded(work) {
      const root = { ...idsOf(work.runId), traceFlags: TraceFlags.SAMPLED, isRemote: true };
      span(`slice ${work.slice}`, work, { 'fieldcheck.slice': work.slice }, trace.setSpanContext(ROOT_CONTEXT, root));
      subjectsLooked.add(work.subjects, { evaluation: work.evaluation });
    },
    async close() {
      await Promise.allSettled([provider.shutdown(), meters.shutdown()]);
    },
  };
}

function idsOf(runId: string): { traceId: string; spanId: string } {
  const hash = createHash('sha256').update(runId).digest('hex');
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}

function attributesOf({ runId, organization, evaluation, subjects }: Work): Attributes {
  return {
    'fieldcheck.run': runId,
    'fieldcheck.organization': organization,
    'fieldcheck.evaluation': evaluation,
    'fieldcheck.subjects': subjects,
  };
}
