import { offerToken, takeTokenFromAddress } from '../handover.ts';

const token = takeTokenFromAddress();
offerToken(() => token);
