package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The selective scan chunk by chunk with a backward of its own. The states of all tokens are {@code
 * state} times as large as the input, so they exist for one chunk at a time: forward keeps those
 * between chunks, and backward computes the others again from them (arXiv 2312.00752, section 3.3.2
 * recomputes for the same reason).
 */
final class ChunkedScan extends CustomFunction {
  private final int chunk;
  private final ScanInput.Layout arguments;

  private ChunkedScan(int chunk, ScanInput.Layout arguments) {
    this.chunk = chunk;
    this.arguments = arguments;
  }

  /** Computes {@link SelectiveScan#chunked}. */
  static SelectiveScan.Output compute(ScanInput in, int chunk) {
    Tensor[] outputs = new ChunkedScan(chunk, in.layout()).apply(in.tensors());
    return new SelectiveScan.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    ScanInput in = arguments.input(inputs);
    Tensor rates = in.a().t().contiguous();
    Optional<Tensor> kept = in.documents().map(d -> kept(d, Tensors.type(in.dt())));
    long time = in.x().size(1);
    Tensor y = torch.empty_like(in.x());
    Tensor state = Tensors.zeros(in.dt(), in.x().size(0), rates.size(0), rates.size(1));
    in.initial().ifPresent(initial -> state.copy_(initial.transpose(1, 2)));
    Tensor[] before = new Tensor[(int) ((time + chunk - 1) / chunk)];
    for (int z = 0; z < before.length; z++) {
      before[z] = state.clone();
      long from = (long) z * chunk;
      long to = Math.min(time, from + chunk);
      Scopes.run(
          () -> {
            ScanChunk terms = ScanChunk.of(in, rates, kept, from, to);
            Tensor states = terms.states(state);
            state.copy_(states.select(0, to - from - 1));
            Tensors.slice(y, 1, from, to).copy_(terms.read(states).transpose(0, 1));
          });
    }
    context.save(inputs);
    context.save(before);
    return new Tensor[] {y, state.transpose(1, 2).contiguous()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    int count = arguments.count();
    Tensor[] inputs = new Tensor[count];
    Arrays.setAll(inputs, context::saved);
    ScanInput in = arguments.input(inputs);
    Tensor rates = in.a().t().contiguous();
    Optional<Tensor> kept = in.documents().map(d -> kept(d, Tensors.type(in.dt())));
    long time = in.x().size(1);
    Tensor dRates = torch.zeros_like(rates);
    Tensor[] perToken = {
      torch.empty_like(in.x()),
      torch.empty_like(in.dt()),
      torch.empty_like(in.b()),
      torch.empty_like(in.c())
    };
    Tensor dState = gradients.of(1).transpose(1, 2).clone();
    for (int z = (int) ((time - 1) / chunk); z >= 0; z--) {
      Tensor before = context.saved(count + z);
      long from = (long) z * chunk;
      long to = Math.min(time, from + chunk);
      Scopes.run(
          () -> {
            Tensor dy = Tensors.slice(gradients.of(0), 1, from, to);
            ScanChunk terms = ScanChunk.of(in, rates, kept, from, to);
            Tensor[] parts = backward(terms, rates, before, dy, dState, dRates);
            for (int i = 0; i < parts.length; i++) {
              Tensors.slice(perToken[i], 1, from, to).copy_(parts[i].transpose(0, 1));
            }
          });
    }
    gradients.give(ScanInput.X, perToken[0]);
    gradients.give(ScanInput.DT, perToken[1]);
    gradients.give(ScanInput.A, dRates.t());
    gradients.give(ScanInput.B, perToken[2]);
    gradients.give(ScanInput.C, perToken[3]);
    if (arguments.continued()) {
      gradients.give(arguments.initialIndex(), dState.transpose(1, 2));
    }
  }

  /**
   * One chunk. Adds to {@code dRates}, and replaces {@code dState}, the gradient of the state after
   * the chunk, by that of the state before it.
   *
   * @return the gradients of x, dt, b and c, each [size, batch, ...]
   */
  private static Tensor[] backward(
      ScanChunk in, Tensor rates, Tensor before, Tensor dy, Tensor dState, Tensor dRates) {
    ScalarType type = Tensors.type(rates);
    long size = in.size();
    Tensor dOut = Tensors.cast(dy.transpose(0, 1), type).unsqueeze(2);
    Tensor states = in.states(before);
    Tensor dC = states.mul(dOut).sum(-1);
    Tensor dStates = in.stateGradients(dOut, dState);
    Tensor dB = dStates.mul(in.x().mul(in.dt())).sum(-1);
    Tensor dAdded = dStates.mul(in.b()).sum(2);

    // The gradient of a log decay is that of the state, times what is left of the one before.
    Tensor dLogs = in.decays();
    dState.copy_(dLogs.select(0, 0).mul(dStates.select(0, 0)));
    dLogs.select(0, 0).mul_(before);
    dLogs.narrow(0, 1, size - 1).mul_(states.narrow(0, 0, size - 1));
    dLogs.mul_(dStates);
    dRates.add_(dLogs.mul(in.dt()).sum(0, 1));
    Tensor dSteps = dLogs.mul_(rates).sum(2);

    return new Tensor[] {
      dAdded.mul(in.dt().squeeze(2)), dSteps.addcmul_(dAdded, in.x().squeeze(2)), dB, dC
    };
  }

  /** 0 where a token is the first of its document, but not the first of all; else 1. */
  private static Tensor kept(Tensor documents, ScalarType type) {
    long time = documents.size(1);
    Tensor earlier = Tensors.slice(documents, 1, 0, time - 1);
    Tensor same = Tensors.slice(documents, 1, 1, time).eq(earlier);
    Tensor first = Tensors.slice(documents, 1, 0, 1);
    return Tensors.cast(Tensors.cat(1, first.eq(first), same), type);
  }
}
