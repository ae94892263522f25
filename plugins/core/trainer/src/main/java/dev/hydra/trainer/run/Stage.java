package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.DataSettings;
import dev.hydra.optim.LearningRate;
import dev.hydra.optim.OptimizerSettings;

/**
 * A stage of a training: what holds from a step on. A training without stages is one stage without
 * a name.
 *
 * @param index its number, from 0
 * @param name what it is called; empty where the training has no stages
 * @param begin the steps before it
 * @param until the step that it ends with
 * @param growIn steps in which the gates of its new paths rise from zero
 * @param config the whole configuration as it holds in the stage
 * @param model the model
 * @param data the data
 * @param optimizer the optimizer
 * @param trainer the run
 * @param frozen the parameters that are not trained
 * @param rates the learning rates
 */
public record Stage(
    int index,
    String name,
    long begin,
    long until,
    int growIn,
    Config config,
    ModelSpec model,
    DataSettings data,
    OptimizerSettings optimizer,
    TrainerSettings trainer,
    FrozenParameters frozen,
    Rates rates) {
  /**
   * The learning rates of a schedule that begins at a step.
   *
   * @param begin the steps before it
   * @param steps how many steps it has
   * @param rate the rate of each of its steps
   */
  public record Rates(long begin, long steps, LearningRate rate) {
    /** Returns the learning rate after so many steps of the training; past the last one its own. */
    public double at(long step) {
      return rate.at(Math.min(step - begin, steps - 1));
    }
  }

  /** Says whether it has a name. */
  public boolean named() {
    return !name.isEmpty();
  }

  /** Returns how much the new paths count after so many steps of the training, from 0 to 1. */
  double growth(long step) {
    return growIn == 0 ? 1 : Math.min(1, (step - begin) / (double) growIn);
  }

  /** Says whether it draws other training windows than another stage. */
  boolean otherData(Stage other) {
    return !part("data").equals(other.part("data"));
  }

  /** Says whether the optimizer, apart from its learning rate, is another than in another stage. */
  boolean otherOptimizer(Stage other) {
    return !Stages.withoutRates(part("optimizer"))
        .equals(Stages.withoutRates(other.part("optimizer")));
  }

  private Config part(String key) {
    return ConfigFiles.part(config, key);
  }

  /** Returns the tokens of each of its steps. */
  public long tokensPerStep() {
    return trainer.tokensPerStep(data.sequenceLength());
  }

  /** Returns the stage with another end. */
  Stage endingWith(long step) {
    return new Stage(
        index, name, begin, step, growIn, config, model, data, optimizer, trainer, frozen, rates);
  }

  /** Returns the stage with other learning rates. */
  Stage with(Rates next) {
    return new Stage(
        index, name, begin, until, growIn, config, model, data, optimizer, trainer, frozen, next);
  }
}
