package dev.hydra.cli;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.model.Model;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Chooses the type in which a model that continues texts keeps states of recurrences. */
final class StateTypeArgument {
  static final String NAME = "--mamba-ssm-cache-dtype";
  static final String LABEL = "float32|float16|bfloat16";

  /** Why it does nothing in some models, after the model's name. */
  static final String NONE = " keeps no state of a state space or of the delta rule";

  /** The types there are. */
  enum StateType {
    FLOAT32(ScalarType.Float),
    FLOAT16(ScalarType.Half),
    BFLOAT16(ScalarType.BFloat16);

    private final ScalarType type;

    StateType(ScalarType type) {
      this.type = type;
    }

    /** The same for LibTorch. */
    ScalarType type() {
      return type;
    }
  }

  @Option(
      names = NAME,
      paramLabel = LABEL,
      description =
          "The type in which states of state spaces (mamba, mamba2, mossnet) and of the delta rule"
              + " are kept from token to token; computed in is float32. float16 and bfloat16 take"
              + " half the memory; bfloat16 loses what decays slowly. See docs/serving.md (default:"
              + " float32).")
  private StateType type = StateType.FLOAT32;

  /** The type that is asked for. */
  ScalarType type() {
    return type.type();
  }

  /**
   * Warns if a type was given that changes nothing in a model.
   *
   * @param name what to call the model
   */
  void warn(CommandSpec command, String name, Model model) {
    if (!recurrent(model)) {
      NoEffect.warn(command, NAME, name + NONE);
    } else if (type == StateType.FLOAT32) {
      NoEffect.warn(command, NAME, "states are kept in float32 anyway");
    }
  }

  /** Says whether any component of a model keeps a state that the type is for. */
  static boolean recurrent(Model model) {
    return model.slots().stream()
        .flatMap(slot -> slot.site().state().orElse(List.of()).stream())
        .anyMatch(state -> state.dtype() == StateSpec.Dtype.RECURRENT);
  }
}
