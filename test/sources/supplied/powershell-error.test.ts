import { expect, it } from 'vitest';
import { reasonFirst, saysDenied } from '../../../src/sources/supplied/powershell-error.ts';

it.each([
  [
    'The running command stopped because the preference variable "ErrorActionPreference" or common parameter is set to Stop: Access is denied.',
    'Access is denied.',
  ],
  [
    'EX2: The running command stopped because the preference variable "ErrorActionPreference" or common parameter is set to Stop: Access is denied.',
    'EX2: Access is denied.',
  ],
  [
    'Der ausgeführte Befehl wurde beendet, da die Einstellungsvariable "ErrorActionPreference" oder ein allgemeiner Parameter auf "Stop" festgelegt ist: Zugriff verweigert',
    'Zugriff verweigert',
  ],
  ["EX7: Cannot find path 'C:\\Exchange' because it does not exist.", undefined],
])('an error begins with its reason: %s', (message, reason) => {
  expect(reasonFirst(message)).toBe(reason ?? message);
});

it('access is denied in the languages of servers', () => {
  const denied = [
    'Access is denied.',
    'Der Zugriff auf den Pfad wurde verweigert.',
    "L'accès est refusé.",
    'Acceso denegado.',
    "You don't have sufficient permissions.",
  ];
  expect(denied.filter((message) => !saysDenied(message))).toEqual([]);
  const others = [
    'The network path was not found.',
    '2 permissions name an account that could not be turned into a SID',
  ];
  expect(others.filter(saysDenied)).toEqual([]);
});
