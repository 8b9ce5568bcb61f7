// Which pictures can stand side by side. A picture is {title, model}; model null shows the image without a mask.

const IMAGE = { title: "Image", model: null };
const of = (model) => ({ title: `Model «${model}»`, model });

/** [{words, pictures}] to choose from, when the model `first` is looked at. */
export function comparisons(first, models) {
  const others = models.filter((model) => model !== first);
  return [
    { words: "nothing", pictures: [of(first)] },
    { words: "the image alone", pictures: [IMAGE, of(first)] },
    ...others.map((other) => ({ words: `model «${other}»`, pictures: [of(first), of(other)] })),
    ...others.map((other) => ({ words: `image and model «${other}»`, pictures: [IMAGE, of(first), of(other)] })),
  ];
}
