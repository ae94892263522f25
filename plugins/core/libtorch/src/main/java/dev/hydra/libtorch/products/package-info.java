/**
 * Multiplies matrices in linear maps on CUDA: by LibTorch, or by what cuBLAS has measured to be a
 * faster way to the same bits.
 */
@NullMarked
package dev.hydra.libtorch.products;

import org.jspecify.annotations.NullMarked;
