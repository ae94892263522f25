/** Tasks whose examples are cut from texts. */
@NullMarked
package dev.hydra.tasks.text;

import org.jspecify.annotations.NullMarked;
