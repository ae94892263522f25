package dev.hydra.composer.model;

import dev.hydra.api.Workload;
import dev.hydra.composer.spec.BlockSpec;
import dev.hydra.composer.spec.GateSpec;
import dev.hydra.composer.spec.PathSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.Topology;
import dev.hydra.libtorch.runtime.HostMemoryException;
import dev.hydra.libtorch.runtime.TotalMemory;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Predicts the memory of a training step: what is there all the time, and what is there at its
 * fullest moment. Counted are tensors that live from one operator to a later one, as CUDA kernels
 * keep them; what an operator has for itself, and workspaces of libraries, are not.
 *
 * <p>There are two kinds of moments that can be the fullest. At the loss all activations are there,
 * and the logits, whose gradient takes their place. Then each block's activations are freed while
 * the gradients of its parameters come, which stay until the update: the fullest of these moments
 * is one at which a block has begun.
 *
 * @param state bytes of parameters and of the optimizer's state, and buffers of gradients
 * @param peak bytes at the fullest moment, the state included
 */
public record TrainingMemory(double state, double peak) {
  private static final int MASTER_BYTES = 4;

  /** A prediction is within a tenth; what is further above does not fit. */
  private static final double CLEARLY = 1.1;

  /**
   * What a step computes.
   *
   * @param rows sequences per forward
   * @param tokens tokens of a sequence
   * @param recompute which blocks are computed again in backward
   * @param accumulated whether several backwards are added up, in buffers that stay; the gradients
   *     of a single one are handed over to the update
   * @param optimizer bytes of the optimizer's state
   */
  public record Step(
      long rows, long tokens, Recompute recompute, boolean accumulated, double optimizer) {
    /** One sequence, everything kept, and an optimizer that keeps nothing. */
    static Step of(long tokens) {
      return new Step(1, tokens, Recompute.NONE, false, 0);
    }
  }

  /**
   * What a block has.
   *
   * @param kept bytes from forward to backward
   * @param working bytes that are there while it goes backward: what it computes again, too
   * @param gradients bytes of the gradients of its parameters
   */
  private record BlockBytes(double kept, double working, double gradients) {}

  /**
   * Predicts the memory of a model, of which the meta device will do.
   *
   * @param compute the type that it computes in
   */
  public static TrainingMemory of(Model model, ScalarType compute, Step step) {
    return new Count(model, compute, step).all();
  }

  /** Says whether the fullest moment clearly needs more than so many bytes. */
  public boolean clearlyAbove(double bytes) {
    return peak > CLEARLY * bytes;
  }

  /**
   * Refuses a step on the CPU that the host clearly cannot hold, whatever else it gives up: plain
   * operators keep more than is predicted.
   *
   * @throws HostMemoryException if it cannot
   */
  public void refuseBeyondHost() {
    if (clearlyAbove(TotalMemory.bytes())) {
      throw new HostMemoryException(peak);
    }
  }

  private record Count(Model model, ScalarType compute, Step step) {
    int computeBytes() {
      return compute == ScalarType.BFloat16 ? 2 : MASTER_BYTES;
    }

    double tokens() {
      return (double) step.rows * step.tokens;
    }

    /** Bytes of hidden states in a type of so many bytes. */
    double hidden(int bytes) {
      return tokens() * model.spec().width() * bytes;
    }

    TrainingMemory all() {
      List<BlockBytes> blocks = new ArrayList<>();
      for (int i = 0; i < model.blocks().size(); i++) {
        blocks.add(block(i));
      }
      double state = state();
      double kept = blocks.stream().mapToDouble(BlockBytes::kept).sum();
      // The last norm's stream and the head's input.
      double present = state + kept + hidden(MASTER_BYTES) + hidden(computeBytes());
      double table = (double) model.spec().vocabSize() * model.spec().width() * computeBytes();
      double logits = tokens() * model.spec().vocabSize() * computeBytes();
      // The gradient of the hidden states, and that of the head.
      double peak = present + logits + hidden(computeBytes()) + table;
      // From here on there is the gradient of the stream, and of what was added to it last.
      double flowing = hidden(MASTER_BYTES) + hidden(computeBytes());
      boolean tied = model.spec().tieEmbeddings(); // then it waits for that of the embedding
      double gradients = step.accumulated && !tied ? 0 : table;
      present = state + kept + flowing;
      for (int i = blocks.size() - 1; i >= 0; i--) {
        BlockBytes block = blocks.get(i);
        peak = Math.max(peak, present + gradients + block.working());
        gradients += block.gradients();
        present -= block.kept();
        peak = Math.max(peak, present + gradients);
      }
      double last = present + gradients + (tied ? 0 : table);
      return new TrainingMemory(state, Math.max(peak, last));
    }

    private double state() {
      double bytes = step.optimizer;
      for (Parameter parameter : model.parameters().all()) {
        double elements = (double) parameter.spec().elements();
        boolean copied = copied(parameter);
        bytes += elements * (MASTER_BYTES + (copied ? computeBytes() : 0));
        if (parameter.trained() && step.accumulated) {
          bytes += elements * (MASTER_BYTES + (copied ? computeBytes() : 0));
          bytes += parameter.spec().sparse() ? parameter.spec().sizes()[0] : 0; // read or not
        }
      }
      return bytes;
    }

    private boolean copied(Parameter parameter) {
      return !parameter.spec().fp32() && computeBytes() != MASTER_BYTES;
    }

    /** Gradients come in the type of the working copy. */
    private double gradients(SitePath block) {
      return model.parameters().all().stream()
          .filter(each -> each.trained() && block.owns(each.name()))
          .filter(each -> each.spec().sparse() || !step.accumulated)
          .mapToDouble(
              each ->
                  (double) each.spec().elements() * (copied(each) ? computeBytes() : MASTER_BYTES))
          .sum();
    }

    private BlockBytes block(int index) {
      BlockSpec spec = model.spec().blocks().get(index);
      List<ComponentSlot> slots = model.blocks().get(index).slots();
      double input = hidden(computeBytes());
      boolean parallel = spec.topology() == Topology.PARALLEL;
      // Each norm keeps the stream, and gives components their input, which is there once.
      double kept = (parallel ? 1 : slots.size()) * (hidden(MASTER_BYTES) + input);
      double again = 0;
      for (int path = 0; path < slots.size(); path++) {
        PathSpec of = spec.paths().get(path);
        double inside = Math.max(0, activations(slots.get(path)) - input);
        if (of.recompute()) {
          again = Math.max(again, inside);
        } else {
          kept += inside;
        }
        kept += of.gate() instanceof GateSpec.None ? 0 : input; // what a gate multiplies
      }
      double gradients = gradients(SitePath.block(index));
      return step.recompute.covers(index)
          ? new BlockBytes(hidden(MASTER_BYTES), kept + again, gradients)
          : new BlockBytes(kept, again, gradients);
    }

    private double activations(ComponentSlot slot) {
      return step.rows * slot.cost(Workload.sequence(step.tokens)).activations() * computeBytes();
    }
  }
}
