package dev.hydra.tck;

import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.libtorch.runtime.LibTorchException;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that options which a component cannot work with are refused, and as such. */
final class ConfigChecks {
  /** Small numbers that many sizes do not allow: none, negative, odd, no divisor of a width. */
  private static final List<Integer> NUMBERS = List.of(0, -1, 1, 3, 5, 7);

  private ConfigChecks() {}

  /** A number either is refused with its place, or gives a component that works. */
  static void numbers(Subject subject) {
    for (Option<?> option : subject.options()) {
      for (int number : NUMBERS) {
        ConfigValue value = ConfigValueFactory.fromAnyRef(number);
        tryOut(subject.with(option.name(), value), option + " = " + number);
      }
    }
  }

  private static void tryOut(Subject candidate, String what) {
    try {
      ForwardChecks.shapeAndType(candidate);
      candidate.use(
          ScalarType.Float,
          component -> Objective.of(candidate, component, ScalarType.Float).backward());
    } catch (ConfigException refused) {
      return;
    } catch (RuntimeException | LinkageError e) {
      throw new ContractViolation(
          what + " is not refused by a ConfigException: " + LibTorchException.readable(e));
    } catch (ContractViolation e) {
      throw new ContractViolation(what + " is accepted, but then " + e.getMessage());
    }
  }
}
