import { app } from '@azure/functions';
import { sliceMessage } from '../src/app.ts';
import { theApp } from './app.ts';

/** Does one slice of a run. An error goes out to the host, which gives the message again and in the end poisons it. */
app.storageQueue('workSlice', {
  queueName: 'slices',
  connection: 'AzureWebJobsStorage',
  handler: async (message) => {
    await theApp().workSlice(sliceMessage.parse(message));
  },
});
