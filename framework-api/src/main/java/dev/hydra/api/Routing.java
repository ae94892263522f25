package dev.hydra.api;

import org.bytedeco.pytorch.Tensor;

/**
 * A router's decision for every token.
 *
 * @param experts int64 [batch, time, k]: the k different experts of each token
 * @param weights float32 or float64 [batch, time, k]: what each expert's output is multiplied by;
 *     gradients reach the router through it
 */
public record Routing(Tensor experts, Tensor weights) {}
