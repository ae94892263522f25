package dev.hydra.libtorch.nn;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * What a causal convolution is computed of.
 *
 * @param x [batch, time, channels]
 * @param weight [channels, 1, kernel]
 * @param bias [channels]
 * @param documents int64 [batch, time], see {@link dev.hydra.api.Pass#documents}
 * @param past the inputs before x [batch, kernel - 1, channels], a constant; zeros if empty
 */
record ConvInput(
    Tensor x,
    Tensor weight,
    Optional<Tensor> bias,
    Optional<Tensor> documents,
    Optional<Tensor> past) {}
