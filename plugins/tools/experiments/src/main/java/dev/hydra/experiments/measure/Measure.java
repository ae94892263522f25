package dev.hydra.experiments.measure;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Something that an experiment measures besides accuracy. */
@FunctionalInterface
public interface Measure {
  /** The kinds of measures. */
  enum Type {
    /** See {@link Losses}. */
    LOSS,
    /** See {@link DomainRouting}. */
    NMI,
    /** See {@link GateSeparation}. */
    GATE_AUC,
    /** See {@link KeysUsed}. */
    KEYS_USED
  }

  /** The kind of a measure. */
  Option<Type> TYPE =
      Option.choice(
          "type",
          Type.class,
          "what is measured: loss, in nats per token of an answer; nmi, the normalised mutual"
              + " information of experts and conditions; gate-auc, how well the gate of a"
              + " product-key memory tells conditions apart; keys-used, the part of its keys that"
              + " are read");

  /**
   * Measures.
   *
   * @param name what figures are called, or begin with
   * @param conditions what was seen, in the order of the task's conditions
   * @return no figure where the model has nothing that it is about
   */
  Measured of(String name, List<Observed> conditions);

  /** Returns the names of conditions that it needs. */
  default List<String> needed() {
    return List.of();
  }

  /** Returns the options of an object of {@code experiment.measures}, for documentation. */
  static List<Option<?>> options() {
    return Stream.concat(Stream.of(TYPE), GateSeparation.OPTIONS.stream()).toList();
  }

  /**
   * Reads an object of {@code experiment.measures}.
   *
   * @throws dev.hydra.api.ConfigException if it has other options than its type
   */
  static Measure read(String path, Config config) {
    Config only =
        config.hasPath(TYPE.name())
            ? ConfigFactory.empty().withValue(TYPE.name(), config.getValue(TYPE.name()))
            : ConfigFactory.empty();
    Type type = Settings.read(path, only, List.of(TYPE)).get(TYPE);
    List<Option<?>> options = new ArrayList<>(List.of(TYPE));
    options.addAll(type == Type.GATE_AUC ? GateSeparation.OPTIONS : List.of());
    Settings settings = Settings.read(path, config, options);
    return switch (type) {
      case LOSS -> new Losses();
      case NMI -> new DomainRouting();
      case GATE_AUC -> GateSeparation.of(settings);
      case KEYS_USED -> new KeysUsed();
    };
  }

  /** Measures all, by their names. */
  static Measured all(Map<String, Measure> measures, List<Observed> conditions) {
    Measured all = Measured.NONE;
    for (Map.Entry<String, Measure> each : measures.entrySet()) {
      all = all.with(each.getValue().of(each.getKey(), conditions));
    }
    return all;
  }
}
