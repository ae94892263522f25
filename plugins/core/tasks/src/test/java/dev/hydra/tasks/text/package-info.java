@NullMarked
package dev.hydra.tasks.text;

import org.jspecify.annotations.NullMarked;
