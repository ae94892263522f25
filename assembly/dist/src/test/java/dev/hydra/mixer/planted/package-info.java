/** A component that breaks the rules about dependencies. */
@NullMarked
package dev.hydra.mixer.planted;

import org.jspecify.annotations.NullMarked;
