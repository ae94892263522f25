/**
 * Mixers on selective state spaces: Mamba (arXiv 2312.00752), mixtures of its experts (arXiv
 * 2510.26182), Mamba-2 (arXiv 2405.21060) and what they are made of.
 */
@NullMarked
package dev.hydra.mixer.mamba;

import org.jspecify.annotations.NullMarked;
