/** Tests of the state-space mixers against plain recurrences and finite differences. */
@NullMarked
package dev.hydra.mixer.mamba;

import org.jspecify.annotations.NullMarked;
