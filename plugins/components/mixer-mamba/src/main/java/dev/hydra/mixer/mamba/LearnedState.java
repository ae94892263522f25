package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.nn.RowLookup;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The state that every document starts from, a parameter.
 *
 * @param state {@code initial_state} [heads, headDim, state], at first zero
 */
record LearnedState(Tensor state) {
  static LearnedState of(Site site, Mamba2Shape shape) {
    ParameterSpec spec =
        ParameterSpec.of(
            "initial_state", Init.zeros(), shape.heads(), shape.headDim(), shape.state());
    return new LearnedState(site.parameter(spec.inFp32().withoutDecay()));
  }

  /** The state before the first token [batch, heads, headDim, state], a view. */
  Tensor before(long batch) {
    return state.unsqueeze(0).expand(batch, -1, -1, -1);
  }

  /**
   * What y is larger by [batch, time, heads, headDim] where every packed document starts from this
   * state instead of zeros: the recurrence is linear, so it is the state as decayed since the
   * document began, read by C.
   */
  Tensor read(ScanInput in, Tensor documents) {
    // Sums over all documents: float64 keeps their differences exact.
    Tensor logs = Decays.bounded(in.dt().mul(in.a())).to(ScalarType.Double);
    // Along the last dimension in memory, where CUDA has more than a thread for each sum.
    Tensor after = logs.transpose(1, 2).contiguous().cumsum(-1).transpose(1, 2);
    Tensor begin = RowLookup.of(after.sub(logs), Documents.starts(documents));
    Tensor decay = after.sub(begin).exp();

    ScalarType type = Tensors.type(in.x());
    long groups = in.c().size(2);
    Tensor byGroup = Tensors.cast(state, type).unflatten(0, groups, -1).flatten(1, 2);
    Tensor y = in.c().transpose(1, 2).matmul(byGroup.transpose(1, 2)).transpose(1, 2);
    return y.reshape(Tensors.sizes(in.x())).mul(Tensors.cast(decay, type).unsqueeze(-1));
  }
}
