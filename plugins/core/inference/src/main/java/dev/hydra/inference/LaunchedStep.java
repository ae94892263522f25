package dev.hydra.inference;

import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * A step that has been launched. Where its tokens are drawn by a CUDA graph, the step after it can
 * be launched before the host has them, so that the device does not wait for the host: of a text
 * that turns out to be over, that one is a step too many.
 *
 * @param by the sessions that it is for, in the order of the batch
 * @param logits [sessions or more, vocabulary], which the next step may replace
 * @param drawn waits for the token of each session, {@link Sampler#NOT_FINITE} where there is none
 */
record LaunchedStep(List<Session> by, Tensor logits, Supplier<int[]> drawn) {}
