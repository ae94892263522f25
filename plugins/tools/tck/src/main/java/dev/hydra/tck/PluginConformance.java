package dev.hydra.tck;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.Factory;
import dev.hydra.api.Option;
import dev.hydra.api.Registration;
import dev.hydra.api.Settings;
import dev.hydra.data.SourceFactory;
import dev.hydra.data.TokenizerFactory;
import dev.hydra.optim.OptimizerFactory;
import dev.hydra.optim.ScheduleFactory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The checks for one plugin that is not a component, with one set of options:
 *
 * <pre>{@code
 * PluginConformance.of(new CosineScheduleFactory()).tests()
 * }</pre>
 *
 * A kind of plugins that this kit does not know gets the checks that all kinds have.
 */
public final class PluginConformance {
  private final Factory<?, ?> factory;
  private final String options;

  private PluginConformance(Factory<?, ?> factory, String options) {
    this.factory = factory;
    this.options = options;
  }

  /** Checks for an optimizer, schedule, tokenizer or source with default options. */
  public static PluginConformance of(Factory<?, ?> factory) {
    return new PluginConformance(factory, "");
  }

  /** Sets options, as HOCON. */
  public PluginConformance options(String hocon) {
    return new PluginConformance(factory, hocon);
  }

  /**
   * Returns the checks, to be run in any order.
   *
   * @throws dev.hydra.api.ConfigException if the options are refused
   */
  public List<Check> tests() {
    List<Check> checks = new ArrayList<>();
    checks.add(new Check("registration", this::registration));
    Settings settings =
        Settings.read(
            "options",
            ConfigFactory.parseString(
                    options, ConfigParseOptions.defaults().setOriginDescription("the options"))
                .resolve(),
            factory.options());
    if (factory instanceof ScheduleFactory schedule) {
      checks.addAll(new ScheduleChecks(schedule, settings).all());
    } else if (factory instanceof OptimizerFactory optimizer) {
      checks.addAll(new OptimizerChecks(optimizer, settings).all());
    } else if (factory instanceof TokenizerFactory tokenizer) {
      checks.addAll(new TokenizerChecks(tokenizer, settings).all());
    } else if (factory instanceof SourceFactory source) {
      checks.add(new SourceChecks(source, settings).again());
    }
    return List.copyOf(checks);
  }

  /** It has a name and a kind, and no two options of one name. */
  private void registration() {
    try {
      Registration.of(factory);
    } catch (IllegalArgumentException e) {
      throw new ContractViolation(String.valueOf(e.getMessage()));
    }
    Set<String> names = new HashSet<>();
    for (Option<?> option : factory.options()) {
      ContractViolation.unless(names.add(option.name()), "there are two options " + option.name());
    }
  }
}
