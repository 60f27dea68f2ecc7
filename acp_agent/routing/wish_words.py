"""The words by which a prompt asks for the large model, or does without it; data only.

Owns names of the model and words of handing on, in ten languages. Does not own how wishes
are told from mentions (``wishes``).
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import re

NAME = re.compile(
    r"gpt[-_ ]?oss(?:[-_: ]?\d+b)?|(?<![\w-])20b(?!\w)"
    r"|(?:big|bigger|biggest|large|larger|strong|stronger) (?:model|one)\b"
    r"|(?:groß|größer|stark|stärker|größt|stärkst)e[nrsm]? modell?\b"
    r"|(?:grand|gros) modèle|modèle (?:le )?plus (?:gros|grand|puissant|costaud|fort)"
    r"|modelo (?:más )?(?:grande|potente|fuerte)|modelo (?:maior|mais (?:potente|forte)|grande)"
    r"|(?:большую|большой|большая|сильную|сильной|старшей|мощная|мощной|мощную) модел\w+"
    r"|модель посильнее|двадцатимиллиардн\w+"
    r"|大模型|更强的模型|大一点的模型|让大的"
    r"|大き[いな](?:方の)?モデル|大きいやつ|上位モデル|大規模モデル|強力なモデル|큰 모델"
    r"|(?:ال)?(?:نموذج|موديل) (?:ال)?(?:كبير|أكبر|أقوى|أضخم)"
    r"|बड़[ाे] (?:वाले? |वाला )?मॉडल|ताकतवर मॉडल|बड़े वाले|bade model"
)
"""What the large model is called."""

HAND_ON = re.compile(
    r"\b(?:let|have|get|ask|asking|give|hand|pass|send|forward|switch to|want|i'd like|prefer"
    r"|do it with|(?:with|via|using|from) (?:the )?(?:gpt|20b|big|larg|strong).*\b(?:pls|please)"
    r"|lass|beantworten|weitergeben|weiterreichen|schick|gib|reich|hol dir|soll|möchte|hätte gern"
    r"|ich will|ansieht|bitte vom|mit dem"
    r"|transmettre|transmets|réponde|réponse d|confie|demande|demande-le|regarde|bascule|laisse"
    r"|avec le|avec gpt|à faire avec|je veux"
    r"|pasarle|pásale|conteste|responda|que lo haga|revisara|encárgale|piense|cambia al"
    r"|con el modelo|con gpt|quiero"
    r"|deixa|encaminhar|analisasse|quero|pede|faça|troca para|com o|manda"
    r"|пусть|возьми|ответ от|отвечать должна|нужна|через|передать|передай|зови|писала|делай)\b"
    r"|用|让|叫|由|交给|切换|调用|指定|请|上 ?gpt|来[:：，,]?$|20b ?来"
    r"|使って|任せ|答えて|答えさせ|見てもら|出番|指定|呼んで|よろしく|説明させ|で。?$|にお願い"
    r"|أريد|دع|لو سمحت|تحويل|ناد|اسأل|يجيب|رجاء|شغّ?ل|يا ليت|باستخدام"
    r"|इस्तेमाल|को दो|से करवा|सौंप|बुलाओ|दिखाओ|से चाहिए|ही जवाब|लगाओ|लिखवा|समझाए|जाँच करवा|karwao|से पूछो"
)
"""That somebody or something is to do it, in the clause that names the model."""

DO_WITHOUT = re.compile(
    r"\b(?:no need|not need|don't need|don't|do not|don’t|without|not wait|never|skip|rather than"
    r"|nicht|ohne|brauchst du|kein|keine|warten|pas la peine|pas besoin|sans|n'utilise|ne veux pas"
    r"|inutile|no hace falta|no quiero|sin|no uses|no lo|não precisa|não quero|sem|não use"
    r"|не дёргай|не надо|не нужна|без|не используй|не трогай|не гоняй)\b"
    r"|不用|没必要|别用|不要用|不需要|使わな|使わず|抜きで|呼ばない|不要|いらない|要らない"
    r"|لا داعي|من غير|بدون|لا تستخدم|لا حاجة|मत|बिना|ज़रूरत नहीं|के बिना"
)
"""That the model named in the clause is not to do it."""

ABOUT = re.compile(
    r"\b(?:how (?:do|does|can|to|much|many|long)|what(?:'s| is| does| are)|why|which|install"
    r"|crash\w*|should i|users|in the|as the"
    r"|difference|compare|translate|rename|string|button|label|comment|variable|function|option"
    r"|setting|flag|test|fix|bug|error|latency|licen[cs]e|tokens?|context|download|weights|readme"
    r"|log|benchmark|endpoint|client|server|fails?|returns?|calls?|our|my|the code"
    r"|wie|warum|was ist|was heißt|übersetze?|unser\w*|mein\w*|fehler|schlägt|installier\w*|benenne"
    r"|comment|pourquoi|qu'est-ce|traduis|renomme|notre|nos|erreur|installer|combien"
    r"|cómo|por qué|qué es|traduce|renombra|nuestr\w+|error|instal\w+|cuánt\w+"
    r"|como|por que|o que é|traduz\w*|renomei\w*|noss\w+|erro|quant\w+"
    r"|как|почему|что такое|переведи|переименуй|наш\w*|ошибк\w*|сколько|чем отличается)\b"
    r"|怎么|为什么|是什么|翻译|改名|我们的|报错|多少|区别|なぜ|とは|翻訳|どう|エラー|違い|うち(?:の|で)"
    r"|كيف|لماذا|ما هو|ما هي|ترجم|خطأ|كم |الفرق|कैसे|क्यों|क्या है|अनुवाद|कितन|अंतर|हमार"
)
"""That the clause is about the model, or about something else that it is a part of."""

BY_ITSELF = re.compile(
    r"\b(?:you can (?:do|handle) (?:this|that|it)(?: one)? yourself|no need to delegate"
    r"|das kannst du selbst|nicht weiterreichen|tu peux le faire toi-même|ne délègue pas"
    r"|(?:lo )?puedes hacer tú mismo|no lo delegues|você mesmo consegue|não delega"
    r"|ты и сам справишься|сам справишься)\b"
    r"|你自己就能|自分でできるでしょ|تقدر عليها بنفسك|बिना delegate|तुम खुद कर सकते"
)
"""That whoever reads the prompt is to do it."""
