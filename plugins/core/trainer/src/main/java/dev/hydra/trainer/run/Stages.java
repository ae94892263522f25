package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.Batch;
import dev.hydra.data.DataSettings;
import dev.hydra.optim.OptimizerSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** Reads the stages of a training: each holds what the ones before do, and its own overrides. */
public final class Stages {
  /** What a schedule is made of: a stage that sets any of them begins a new one. */
  static final Set<String> RATES =
      Set.of("learning-rate", "warmup-steps", "warmup-fraction", "schedule", "min-ratio");

  /** What of {@code trainer} a stage can change. */
  private static final Set<String> CHANGEABLE =
      Set.of("batch-size", "accumulate", "log-every", "evaluation", "checkpoint");

  /** Without these nothing would carry over. */
  private static final List<String> FIXED =
      List.of("model.vocab-size", "model.width", "data.tokenizer", "optimizer.type");

  private static final String BATCH_SIZE = "trainer.batch-size";
  private static final String SEQUENCE_LENGTH = "data.sequence-length";

  private final Config config;
  private final PluginRegistry plugins;
  private final long steps;
  private final List<Stage> all = new ArrayList<>();

  private Stages(Config config, PluginRegistry plugins, long steps) {
    this.config = config;
    this.plugins = plugins;
    this.steps = steps;
  }

  /**
   * Reads the stages of a whole configuration.
   *
   * @return at least one
   * @throws ConfigException for the first mistake, with the name of the stage
   */
  public static List<Stage> read(Config config, PluginRegistry plugins) {
    Config trainer = ConfigFiles.part(config, "trainer");
    long steps = TrainerSettings.read(trainer).steps();
    List<StageSettings> settings = StageSettings.readAll(trainer);
    Stages stages = new Stages(config, plugins, steps);
    if (settings.isEmpty()) {
      stages.all.add(stages.whole());
    } else {
      stages.addAll(settings);
    }
    return List.copyOf(stages.all);
  }

  private Stage whole() {
    return stage(0, "", 0, steps, 0, config, FrozenParameters.NONE);
  }

  private void addAll(List<StageSettings> settings) {
    Config now = config;
    FrozenParameters frozen = FrozenParameters.NONE;
    long begin = 0;
    long tokens = 0;
    for (int i = 0; i < settings.size(); i++) {
      StageSettings own = settings.get(i);
      boolean last = i == settings.size() - 1;
      Config before = now;
      long from = begin;
      FrozenParameters chosen = frozen.and(own);
      int index = i;
      Stage read =
          named(
              own.name(),
              () -> {
                check(own);
                return stage(
                    index, own.name(), from, steps, own.growIn(), own.over(before), chosen);
              });
      long until = until(own, read, last, begin, tokens);
      all.add(read.endingWith(until));
      tokens += (until - begin) * read.tokensPerStep();
      begin = until;
      now = read.config();
      frozen = chosen;
    }
    schedules(settings);
  }

  private long until(StageSettings own, Stage read, boolean last, long begin, long tokens) {
    if (begin == 0 && own.growIn() > 0) {
      throw own.invalid(
          "is the first one: there is nothing before it to grow into; leave grow-in out");
    }
    if (own.until().isEmpty()) {
      if (last) {
        return Math.max(steps, begin);
      }
      throw own.invalid("needs until, as another one follows it");
    }
    long until = own.until().get().step(begin, tokens, read.tokensPerStep());
    if (until <= begin) {
      throw own.invalid(
          String.format(
              "ends with step %d, but begins after step %d; its until counts from the beginning of"
                  + " the training",
              until, begin));
    }
    if (last && until < steps) {
      throw own.invalid(
          String.format(
              "is the last one and ends with step %d, but trainer.steps is %d; leave its until out,"
                  + " or add a stage",
              until, steps));
    }
    if (!last && own.growIn() > until - begin) {
      throw own.invalid(
          String.format(
              "has grow-in = %d, but only %d steps; let its parts grow in fewer, or end it later",
              own.growIn(), until - begin));
    }
    return until;
  }

  /** Lets each schedule run from the stage that sets one to the next that does, or to the end. */
  private void schedules(List<StageSettings> settings) {
    int first = 0;
    for (int i = 1; i <= all.size(); i++) {
      if (i == all.size() || setsRates(settings.get(i))) {
        long begin = all.get(first).begin();
        long end = i == all.size() ? Math.max(steps, begin + 1) : all.get(i).begin();
        for (int j = first; j < i; j++) {
          Stage stage = all.get(j);
          all.set(j, scheduled(stage, settings.get(j), begin, end - begin));
        }
        first = i;
      }
    }
  }

  private static Stage scheduled(Stage stage, StageSettings own, long begin, long count) {
    return named(
        own.name(),
        () -> stage.with(new Stage.Rates(begin, count, stage.optimizer().learningRate(count))));
  }

  private static boolean setsRates(StageSettings own) {
    return ConfigFiles.part(own.overrides(), "optimizer").root().keySet().stream()
        .anyMatch(RATES::contains);
  }

  /** Returns the object {@code optimizer} without what its learning rates are made of. */
  static Config withoutRates(Config optimizer) {
    Config without = optimizer;
    for (String key : RATES) {
      without = without.withoutPath(key);
    }
    return without;
  }

  private void check(StageSettings own) {
    checkCarriesOver(own.overrides(), config, "");
    for (String key : ConfigFiles.part(own.overrides(), "trainer").root().keySet()) {
      if (!CHANGEABLE.contains(key)) {
        throw new ConfigException(
            own.overrides().getValue("trainer").origin(),
            "trainer." + key,
            "cannot change between stages; of trainer a stage can change "
                + CHANGEABLE.stream().sorted().toList());
      }
    }
  }

  /**
   * Checks that something carries over into a stage.
   *
   * @param stage what the stage overrides, in an object {@code model} and others beside it
   * @param whole the same objects outside of stages
   * @param place what stands before keys in messages
   * @throws ConfigException if the stage changes the width, or another key without which nothing
   *     would
   */
  public static void checkCarriesOver(Config stage, Config whole, String place) {
    for (String key : FIXED) {
      if (stage.hasPath(key)
          && !(whole.hasPath(key) && whole.getValue(key).equals(stage.getValue(key)))) {
        throw new ConfigException(
            stage.getValue(key).origin(),
            place + key,
            "cannot change between stages, as nothing would carry over; set it outside of the"
                + " stages, or train another model");
      }
    }
  }

  private Stage stage(
      int index,
      String name,
      long begin,
      long until,
      int growIn,
      Config effective,
      FrozenParameters frozen) {
    TrainerSettings trainer = TrainerSettings.read(ConfigFiles.part(effective, "trainer"));
    OptimizerSettings optimizer = trainer.optimizer(effective, plugins);
    DataSettings data = DataSettings.read(ConfigFiles.part(effective, "data"), plugins);
    checkBatch(effective, trainer.batchSize(), data.sequenceLength());
    long count = Math.max(1, steps);
    return new Stage(
        index,
        name,
        begin,
        until,
        growIn,
        effective,
        ModelSpec.read(effective),
        data,
        optimizer,
        trainer,
        frozen,
        new Stage.Rates(0, count, optimizer.learningRate(count)));
  }

  private static void checkBatch(Config effective, int rows, int length) {
    long most = Batch.mostRows(length);
    if (most == 0) {
      throw new ConfigException(
          effective.getValue(SEQUENCE_LENGTH).origin(),
          SEQUENCE_LENGTH,
          String.format(
              "is %,d, but a batch has room for no sequence of more than %,d",
              length, Batch.mostRows(0) - 1));
    }
    if (rows > most) {
      throw new ConfigException(
          effective.getValue(effective.hasPath(BATCH_SIZE) ? BATCH_SIZE : "trainer").origin(),
          BATCH_SIZE,
          String.format(
              "is %,d, but a batch holds no more than %,d sequences of data.sequence-length = %,d;"
                  + " trainer.accumulate takes several of them for a step",
              rows, most, length));
    }
  }

  /** Runs what may fail, and says in which stage; one without a name is the whole training. */
  static <T> T named(String stage, Supplier<T> action) {
    try {
      return action.get();
    } catch (ConfigException e) {
      if (stage.isEmpty()) {
        throw e;
      }
      ConfigException named = new ConfigException("stage " + stage + ": " + e.getMessage());
      named.initCause(e);
      throw named;
    }
  }
}
