import type { AtDoors } from '../../doors/door.ts';

export const teamsExchangeInteropAtDoors: Omit<AtDoors, 'id'> = {
  subjectInWords: { is: 'the organization’s id', example: 'contoso' },
};
