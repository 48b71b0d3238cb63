// The queue, as it moves.

import { keepLive } from "../live.js";

keepLive("queue");
