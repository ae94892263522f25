/** Tests of the gated delta net against a plain recurrence. */
@NullMarked
package dev.hydra.mixer.deltanet;

import org.jspecify.annotations.NullMarked;
