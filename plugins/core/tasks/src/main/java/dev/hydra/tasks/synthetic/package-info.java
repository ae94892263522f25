/** Tasks of the literature and of the Hydra paper, each made of symbols that mean nothing. */
@NullMarked
package dev.hydra.tasks.synthetic;

import org.jspecify.annotations.NullMarked;
