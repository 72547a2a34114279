import { app } from '@azure/functions';
import { deliveryMessage } from '../src/app.ts';
import { theApp } from './app.ts';

/** A run has just found something: tell it without waiting for the timer. */
app.storageQueue('deliverNudged', {
  queueName: 'deliveries',
  connection: 'AzureWebJobsStorage',
  handler: async (message) => {
    await theApp().deliver(deliveryMessage.parse(message));
  },
});

/** Delivers whatever waits: what was put off, and what a lost nudge left behind. */
app.timer('deliver', {
  schedule: '%FIELDCHECK_DELIVERY_SCHEDULE%',
  handler: async () => {
    await theApp().deliver();
  },
});
